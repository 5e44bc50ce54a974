urlpatterns = []
app_name = "portal"
